-- A body of so many bytes with every request.
function init(words)
  wrk.method, wrk.body = "POST", string.rep("x", tonumber(words[1]))
  wrk.headers["Content-Type"] = "application/octet-stream"
end
