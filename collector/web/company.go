package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

const actionCompany accounts.Action = "company.update"

// company is a profile of a company: the operator's own, and one of each customer.
type company struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Email   string `json:"email"`
	Phone   string `json:"phone"`
	Website string `json:"website"`
	TaxID   string `json:"tax_id"`
}

type companyField struct{ name, text string }

func (c *company) fields() [6]companyField {
	return [6]companyField{{"name", c.Name}, {"address", c.Address}, {"email", c.Email}, {"phone", c.Phone}, {"website", c.Website}, {"tax_id", c.TaxID}}
}

// company finds whose profile is asked for, and its key among the settings. A customer's
// account has that of its customer alone; whoever sees all has the operator's own, unless
// the parameter names a customer.
func (s *Server) company(q *request) (c company, x *query.Setting, err error) {
	customer := q.args.text("customer")
	if q.args.err != nil {
		return c, nil, q.args.err
	}
	if err := q.view.only(&customer); err != nil {
		return c, nil, err
	}
	key := query.SettingCompany
	if customer != "" {
		key += ":" + customer
	}
	x, err = s.cfg.Desk.Setting(q.Context(), key)
	if errors.Is(err, query.ErrNotFound) {
		return c, &query.Setting{Key: key}, nil
	}
	if err != nil {
		return c, nil, err
	}
	if err := json.Unmarshal(x.Value, &c); err != nil {
		return c, nil, fmt.Errorf("reading the profile of a company: %w", err)
	}
	return c, x, nil
}

func (s *Server) getCompany(q *request) (any, error) {
	c, _, err := s.company(q)
	return c, err
}

// patchCompany changes what the body names. Customers change their own: it is how to reach
// them, and nothing is billed by it.
func (s *Server) patchCompany(q *request) (any, error) {
	c, x, err := s.company(q)
	if err != nil {
		return nil, err
	}
	before := c
	if err := q.body(&c); err != nil {
		return nil, err
	}
	var changed []string
	was := before.fields()
	for i, f := range c.fields() {
		if len(f.text) > 4*maxText {
			return nil, wrongAs("long", f.name, "it is too long")
		}
		if f.text != was[i].text {
			if strings.ContainsFunc(f.text, func(r rune) bool { return unicode.IsControl(r) && (r != '\n' || f.name != "address") }) {
				return nil, wrongAs("text", f.name, "some of it does not print")
			}
			changed = append(changed, f.name)
		}
	}
	if c.Website != "" && !isLink(c.Website, "https", "http") {
		return nil, wrongAs("website", "website", "write https://host")
	}
	if len(changed) == 0 {
		return c, nil
	}
	if x.Value, err = json.Marshal(c); err != nil {
		return nil, err
	}
	_, customer, _ := strings.Cut(x.Key, ":")
	return c, s.cfg.Desk.PutSetting(q.Context(), x, s.entry(q, actionCompany, cmp.Or(customer, c.Name), strings.Join(changed, ", ")))
}
