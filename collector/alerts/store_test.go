package alerts

import (
	"github.com/sipward/sipward/collector/store"
)

// The store is what a service needs.
var (
	_ Storage = store.Store(nil)
	_ Records = store.Store(nil)
)
