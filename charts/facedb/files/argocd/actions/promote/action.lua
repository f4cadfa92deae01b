-- Ends a canary's pause, a bake or a freeze: go on.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- A token that nobody has used: the operator deals with each once.
obj.metadata.annotations["facedb.dev/promote"] = tostring(os.time())
return obj
