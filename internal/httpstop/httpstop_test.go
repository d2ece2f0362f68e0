package httpstop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAfter(t *testing.T) {
	for name, tc := range map[string]struct {
		grace    time.Duration
		answered bool
	}{
		"an answer within the time": {time.Minute, true},
		"an answer that never ends": {time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				stop()
				if !tc.answered {
					<-r.Context().Done()
				}
			}))
			defer server.Close()
			asked := make(chan error, 1)
			question, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				r, err := server.Client().Do(question)
				if err == nil {
					err = r.Body.Close()
				}
				asked <- err
			}()
			if err := After(ctx, server.Config, tc.grace); err != nil {
				t.Fatal(err)
			}
			if err := <-asked; (err == nil) != tc.answered {
				t.Errorf("the client has %v", err)
			}
		})
	}
}
