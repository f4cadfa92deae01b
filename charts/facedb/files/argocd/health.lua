-- The conditions of a FaceDatabase -> Argo CD's health. It says what kstatus says, and three things more plainly:
-- what somebody holds is Suspended, a canary that waits is Suspended, going back is Degraded.
local HELD = { Suspended = true, Hibernated = true, Paused = true, CanaryPaused = true }
local BACK = { RollingBack = true, RolledBack = true }

local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local function is(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end

local ready = found["Ready"]
if ready == nil then
  return { status = "Progressing", message = "No operator has looked at it yet." }
end
if (status.observedGeneration or 0) < (obj.metadata.generation or 0) then
  return { status = "Progressing", message = "The operator has not looked at this spec yet." }
end
if is("Stalled") or BACK[ready.reason] then
  return { status = "Degraded", message = ready.message }
end
if HELD[ready.reason] then
  return { status = "Suspended", message = ready.message }
end
if ready.status ~= "True" then
  return { status = "Progressing", message = ready.message }
end

-- It serves what is wanted; what else is worth a look comes after it.
local message = ready.message
for _, kind in ipairs({ "Degraded", "UpdateAvailable" }) do
  if is(kind) then
    message = message .. " " .. found[kind].message
  end
end
return { status = "Healthy", message = message }
