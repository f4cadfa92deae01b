"""From one release to the next by what changed: making, publishing, planning and applying patches."""
