-- wrk: small PUTs, half creates and half updates; or GETs of items that exist.
-- arguments: put|get RUN
local counter = 0

function setup(thread)
  thread:set("number", counter)
  counter = counter + 1
end

function init(args)
  mode, run = args[1], args[2]
  sent = 0
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  sent = sent + 1
  if mode == "get" then
    return wrk.format("GET", "/items/known-" .. (sent % 1000))
  end
  -- Every second request updates an item that exists with a size that it did not have.
  local id = sent % 2 == 0 and ("known-" .. (sent % 1000)) or (run .. "-" .. number .. "-" .. sent)
  return wrk.format("PUT", "/items/" .. id, headers, '{"name":"item ' .. sent .. '","size":' .. sent .. "}")
end
