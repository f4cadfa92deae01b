-- needs asking.lua
-- Lets nothing begin and nothing move, for as long as the annotation is there.
return ask("pause")
