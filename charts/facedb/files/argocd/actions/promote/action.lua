-- needs asking.lua
-- Ends a canary's pause, a bake or a freeze: go on.
return ask("promote")
