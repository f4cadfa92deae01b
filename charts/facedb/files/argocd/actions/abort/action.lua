-- needs asking.lua
-- Ends the rollout or the freeze: go back.
return ask("abort")
