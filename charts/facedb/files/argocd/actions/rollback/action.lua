-- needs readings.lua
-- Goes back to the release that served before, without a network; or to the parameter version.
local os = require("os")
local version = actionParams["version"] or before()
if version == nil then
  error("No other release is kept; spec.storage.keep says how many are.")
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- The version, and a token that nobody has used: the operator deals with each once.
obj.metadata.annotations["facedb.dev/rollback"] = version .. "-" .. tostring(os.time())
return obj
