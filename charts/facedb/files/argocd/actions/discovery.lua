-- needs readings.lua
-- Which verbs make sense now: the rules of `kubectl facedb`.
local UNDER_WAY = {}
for _, reason in ipairs({
  "Fetching", "RollingOut", "RollingBack", "Repairing", "Checking", "CanaryPaused", "Baking", "Queued", "Retrying",
  "Restoring", "Promoted", "LookingUp", "SnapshotPending", "Paused",
}) do
  UNDER_WAY[reason] = true
end

local frozen = false
for _, each in ipairs(status.bad or {}) do
  frozen = frozen or each.frozen == true
end
local paused = annotations["facedb.dev/pause"] or ""
paused = paused ~= "" and paused ~= "false"

local function may_promote()
  if frozen then
    return true
  end
  if target == nil or target.job ~= nil then
    return false
  end
  local rollout = spec.rollout or {}
  local canary = rollout.strategy == "Canary" and (target.step or 0) < #(rollout.steps or {})
  local bakes = rollout.bake ~= nil and target.aloneSince ~= nil
  return canary or bakes
end

local function may_retry()
  local ready, stalled = conditions["Ready"], conditions["Stalled"]
  if bad[desired or ""] or (stalled ~= nil and stalled.status == "True") then
    return true
  end
  return ready ~= nil and ready.status ~= "True" and not UNDER_WAY[ready.reason]
end

local function may_roll_back()
  local version = before()
  if version == nil or (version == active and target == nil) then
    return false
  end
  return target == nil or version ~= target.version
end

local moves = spec.suspend ~= true
local function action(may, name, icon)
  return { disabled = not may, displayName = name, iconClass = "fa fa-" .. icon }
end
return {
  promote = action(moves and may_promote(), "Promote", "forward"),
  abort = action(moves and (frozen or target ~= nil), "Abort", "ban"),
  retry = action(moves and may_retry(), "Retry", "redo"),
  rollback = action(moves and may_roll_back(), "Roll back", "undo"),
  approve = action(moves and offered() ~= nil, "Approve", "check"),
  pause = action(not paused, "Pause", "pause"),
  resume = action(paused, "Resume", "play"),
}
