-- Another request each time: lines of a file, TOKEN or TOKEN CODE, from the first again when all have been used. Codes
-- work once, so then they are refused, and the run is found out.
local requests, at = {}, 0

function init(words)
  for line in io.lines(words[1]) do
    local token, code = line:match("^(%S+) ?(%S*)$")
    local headers = { Host = wrk.headers["Host"], Authorization = "Bearer " .. token }
    if code ~= "" then headers["X-MFA-Code"] = code end
    requests[#requests + 1] = wrk.format(nil, nil, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
