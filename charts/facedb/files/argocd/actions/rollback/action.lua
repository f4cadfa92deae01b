-- needs readings.lua
-- needs asking.lua
-- Goes back to the release that served before, without a network; or to the parameter version.
local version = actionParams["version"] or before()
if version == nil then
  error("No other release is kept; spec.storage.keep says how many are.")
end
return ask("rollback", version)
