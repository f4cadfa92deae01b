-- Ends a pause.
if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["facedb.dev/pause"] = nil
end
return obj
