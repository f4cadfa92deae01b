-- Lets nothing begin and nothing move, for as long as the annotation is there.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
-- A token that nobody has used: the operator deals with each once.
obj.metadata.annotations["facedb.dev/pause"] = tostring(os.time())
return obj
