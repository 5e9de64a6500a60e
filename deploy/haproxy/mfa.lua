-- Asks mfa_gateway about a request: lets it go on, or sends the gateway's refusal. In doubt it is refused.

local endpoint = os.getenv("MFA_GATEWAY") .. "/_mfa/forward-auth/haproxy"
local timeout_ms = 5000

-- What frames a request or belongs to one connection is not part of the question.
local not_asked = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["keep-alive"] = true, ["te"] = true,
  ["transfer-encoding"] = true, ["trailer"] = true, ["upgrade"] = true,
}

local function question(txn)
  local fields = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not not_asked[name] then
      local copies = {}
      for _, value in pairs(values) do copies[#copies + 1] = value end
      fields[name] = copies
    end
  end
  fields["x-forwarded-method"] = { txn.f:method() }
  fields["x-forwarded-uri"] = { txn.f:pathq() }
  return fields
end

local function refuse(txn, status, fields, body)
  local reply = txn:reply({ status = status, body = body })
  for name, values in pairs(fields) do
    if name ~= "content-length" and name ~= "connection" and name ~= "transfer-encoding" then
      for _, value in pairs(values) do reply:add_header(name, value) end
    end
  end
  txn:done(reply)
end

local function let_on(txn, fields)
  for _, names in pairs(fields["x-mfa-remove"]) do
    for name in names:gmatch("[^,]+") do txn.http:req_del_header(name) end
  end
  for _, name in ipairs({ "x-mfa-verified", "x-mfa-method", "x-mfa-age", "x-request-id" }) do
    for _, value in pairs(fields[name] or {}) do txn.http:req_set_header(name, value) end
  end
end

core.register_action("mfa", { "http-req" }, function(txn)
  local asked, answer = pcall(function()
    return core.httpclient():get({ url = endpoint, headers = question(txn), timeout = timeout_ms })
  end)
  if not asked or not answer or not answer.status or answer.status == 0 then
    refuse(txn, 503, { ["retry-after"] = { "1" } }, "")
  elseif answer.status == 200 and answer.headers["x-mfa-remove"] then
    let_on(txn, answer.headers)
  else
    refuse(txn, answer.status >= 400 and answer.status or 403, answer.headers, answer.body)
  end
end)
