-- How an action asks: a token in the annotation of its verb, which the operator deals with once.
local os = require("os")
local function ask(verb, version)
  if obj.metadata.annotations == nil then
    obj.metadata.annotations = {}
  end
  local token = tostring(os.time())
  if version ~= nil then
    token = version .. "-" .. token
  end
  obj.metadata.annotations["facedb.dev/" .. verb] = token
  return obj
end
