module facedb.dev/node/fluxsource

go 1.26.0

// Only for its definitions: config/crd/bases.
require github.com/fluxcd/source-controller v1.9.5
