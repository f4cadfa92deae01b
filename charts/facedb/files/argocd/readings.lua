-- What the actions read in a FaceDatabase. It stands before each script that needs it: a script is alone in Argo CD.
local spec, status = obj.spec or {}, obj.status or {}
local annotations = obj.metadata.annotations or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
-- Before a channel has chosen a version, nothing is on its way.
local target = status.target
if target ~= nil and (target.version or "") == "" then
  target = nil
end
local active = (status.active or {}).version
local desired = spec.version or (status.desired or {}).version
local bad = {}
for _, each in ipairs(status.bad or {}) do
  bad[each.version] = true
end

-- Versions that can be gone back to without a network.
local function kept()
  local found, storage = {}, status.storage or {}
  local function take(list, mark)
    for _, each in ipairs(list or {}) do
      local version = each.version
      if each[mark] and version ~= "models" and version ~= "state" and version ~= active then
        -- What is on its way is no release to go back to.
        if target == nil or version ~= target.version then
          found[version] = true
        end
      end
    end
  end
  take(storage.claims, "verified")
  take(storage.snapshots, "ready")
  return found
end

-- The release that served before the one that is wanted; nil where none is kept.
local function before()
  local last = (status.lastGood or {}).version
  if target ~= nil and last ~= nil and last ~= target.version then
    return last
  end
  local there, served, sound = kept(), nil, nil
  for _, past in ipairs(status.history or {}) do
    if past.outcome == "Succeeded" and there[past.version] then
      served = past.version
    end
  end
  -- Versions are dates: the newest is the greatest.
  for version in pairs(there) do
    if not bad[version] and (sound == nil or version > sound) then
      sound = version
    end
  end
  return served or sound
end

-- The version that a channel offers and that is not chosen yet; nil where there is none.
local function offered()
  local version = (status.available or {}).version
  if spec.channel == nil or version == desired then
    return nil
  end
  return version
end
