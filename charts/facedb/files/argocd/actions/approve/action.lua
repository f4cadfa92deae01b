-- needs readings.lua
-- needs asking.lua
-- Lets a channel take the version on offer; or the parameter version.
local version = actionParams["version"] or offered()
if version == nil then
  error("The channel offers nothing that is not chosen already.")
end
return ask("approve", version)
