module facedb.dev/node/stash

go 1.26.0

require github.com/stashapp/stash v0.28.1
