package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/sipward/sipward/collector/query"
)

// place is a query.Position in few letters. The node is named by a keyed hash: a customer
// reads keys too, and is not to know the names of switches, nor to find out by trying
// names.
type place struct {
	T int64  `json:"t"`
	N string `json:"n"`
	E uint64 `json:"e,string"`
	S uint64 `json:"s,string"`
	I int    `json:"i,omitempty"`
}

func (s *Server) placeOf(p query.Position) place {
	return place{p.CountedUnixMs, s.nodeHash(p.Node), p.Epoch, p.Seq, p.N}
}

func (s *Server) nodeHash(id string) string {
	h := hmac.New(sha256.New, s.placeKey)
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

const placeKeySize = 32 // bytes

// newPlaceKey is good until this process ends.
func newPlaceKey() []byte {
	key := make([]byte, placeKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// openPlaceKey reads the key from the database, where all collectors of it find the same
// one, so that links to calls outlive a restart. The first of them writes it.
func (s *Server) openPlaceKey(ctx context.Context) error {
	for {
		x, err := s.setting(ctx, query.SettingPlaceKey)
		if err != nil {
			return err
		}
		if x != nil {
			var key []byte
			if err := json.Unmarshal(x.Value, &key); err != nil || len(key) != placeKeySize {
				return fmt.Errorf("the setting %s is no key of %d bytes", x.Key, placeKeySize)
			}
			s.placeKey = key
			return nil
		}
		made, err := json.Marshal(s.placeKey)
		if err != nil {
			return err
		}
		switch err := s.cfg.Desk.PutSetting(ctx, &query.Setting{Key: query.SettingPlaceKey, Value: made}, nil); {
		case errors.Is(err, query.ErrConflict): // another collector was faster
		case errors.Is(err, query.ErrFull):
			s.cfg.Log.Warn("the key of links to calls has no room among the settings: links are good until the collector is restarted")
			return nil
		default:
			return err
		}
	}
}

// position finds the node of a place again.
func (v *view) position(ctx context.Context, sealed string) (*query.Position, error) {
	var p place
	if openPlace(sealed, &p) != nil || p.T < 0 || p.T > maxUnix*1000 || p.I < 0 {
		return nil, errPlace
	}
	nodes, err := v.s.known.get(v.s.cfg.Now(), overviewLife, func() ([]query.Node, error) { return v.s.cfg.Reads.Nodes(ctx) })
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		if v.s.nodeHash(nodes[i].ID) == p.N {
			return &query.Position{CountedUnixMs: p.T, Key: query.Key{Node: nodes[i].ID, Epoch: p.E, Seq: p.S}, N: p.I}, nil
		}
	}
	return nil, errPlace
}

// after is where a list goes on; nil from its beginning.
func (q *request) after() (*query.Position, error) {
	sealed := q.args.values.Get("after")
	if sealed == "" {
		return nil, nil //nolint:nilnil // from the beginning
	}
	p, err := q.view.position(q.Context(), sealed)
	if errors.Is(err, errPlace) {
		return nil, fault(http.StatusBadRequest, "the parameter after "+errPlace.Error())
	}
	return p, err
}
