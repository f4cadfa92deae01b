-- needs readings.lua
-- Lets a channel take the version on offer; or the parameter version.
local os = require("os")
local version = actionParams["version"] or offered()
if version == nil then
  error("The channel offers nothing that is not chosen already.")
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- The version, and a token that nobody has used: the operator deals with each once.
obj.metadata.annotations["facedb.dev/approve"] = version .. "-" .. tostring(os.time())
return obj
