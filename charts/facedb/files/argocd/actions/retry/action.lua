-- needs asking.lua
-- Tries again what was refused.
return ask("retry")
