package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/collector/admin"
)

type accountCmd struct {
	List accountListCmd `cmd:"" help:"List the accounts of the dashboard."`
	Link accountLinkCmd `cmd:"" help:"Print a link with which an account gets a new password, once."`
}

// Help is what account --help says beside the commands.
func (accountCmd) Help() string {
	return `Lets back in who cannot log in to the dashboard, where no operator is left who could help.
The running collector is asked on its socket, as root or as the user it runs as, whichever
database it has. With several collectors on one database any of them will do.

  sipward-collector account list                                  who has an account
  sipward-collector account link anna@example.org                 a forgotten password
  sipward-collector account link anna@example.org --reset-second-factor
                                                                  a lost phone, too

What is done stands in the audit log, with the user of the command line. The first account
is made with the link that the collector logs when it starts.`
}

// accountPlace is the running collector whose accounts are meant.
type accountPlace struct {
	Config string `placeholder:"FILE" help:"Configuration of the running collector; its admin.socket is asked (${config})."`
	Data   string `placeholder:"DIR" help:"The --data of the running collector, if it has one."`
	Socket string `placeholder:"PATH" help:"Ask this unix socket instead."`
}

// where finds the socket. Over TCP nobody may ask for accounts.
func (c *accountPlace) where() (string, error) {
	where, err := (&statusCmd{Config: c.Config, Data: c.Data, Socket: c.Socket}).where()
	if err == nil && strings.HasPrefix(where, "http://") {
		return "", errors.New("admin.socket is off, and accounts are shown on it alone: turn it on and restart the collector")
	}
	return where, err
}

// accounts asks for all of them.
func (c *accountPlace) accounts(ctx context.Context) (where string, all []admin.Account, err error) {
	if where, err = c.where(); err != nil {
		return "", nil, err
	}
	all, err = admin.FetchAccounts(ctx, where)
	return where, all, err
}

const noAccounts = "there is no account yet; the collector logs the link for the first one when it starts (journalctl -u sipward-collector | grep setup), good for 24 hours; a restart logs a new one"

type accountListCmd struct {
	accountPlace
	JSON bool `name:"json" help:"Print JSON for programs."`
}

// Run prints the accounts.
func (c *accountListCmd) Run() error {
	_, all, err := c.accounts(context.Background())
	if err != nil {
		return err
	}
	return writeAccounts(os.Stdout, all, c.JSON, time.Now())
}

func writeAccounts(to io.Writer, all []admin.Account, asJSON bool, now time.Time) error {
	if asJSON {
		e := json.NewEncoder(to)
		for i := range all {
			if err := e.Encode(&all[i]); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(to, noAccounts)
		return err
	}
	t := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "account\trole\tcustomer\tsecond factor\tlast login\tstate")
	for i := range all {
		a := &all[i]
		factor, last := "off", "never"
		if a.SecondFactor {
			factor = "on"
		}
		if a.LastLoginUnixMs > 0 {
			last = time.UnixMilli(a.LastLoginUnixMs).UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Email, a.Role, cmp.Or(a.Customer, "-"), factor, last, accountState(a, now))
	}
	return t.Flush()
}

// accountState says what keeps somebody from logging in.
func accountState(a *admin.Account, now time.Time) string {
	switch until := time.UnixMilli(a.LockedUnixMs); {
	case a.Disabled:
		return "disabled"
	case !a.Password:
		return "no password yet"
	case until.After(now):
		return "locked until " + until.UTC().Format(time.RFC3339)
	}
	return "enabled"
}

type accountLinkCmd struct {
	accountPlace
	Email             string `arg:"" help:"E-mail address of the account, as account list has it."`
	ResetSecondFactor bool   `help:"Take the second factor away, too: for who lost the phone and the recovery codes. The account's sessions end at once."`
	Enable            bool   `help:"Enable the account, if it is disabled."`
}

// Help is what account link --help says beside the flags.
func (accountLinkCmd) Help() string {
	return `Whoever opens the link chooses a new password for the account: hand it to nobody else. It works
once, for 7 days, and only the newest one does. It is printed, and kept or logged nowhere.

When it is used, all sessions of the account end; until then the old password is good. A lock after
wrong passwords ends now, at the collector that is asked. The second factor stays and is asked for
at the next login, unless you say --reset-second-factor.`
}

// Run makes the link.
func (c *accountLinkCmd) Run() error { return c.run(context.Background(), os.Stdout) }

// run looks for the account first, to say what is wrong in words that help.
func (c *accountLinkCmd) run(ctx context.Context, to io.Writer) error {
	where, all, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	a, err := findAccount(all, c.Email)
	if err != nil {
		return err
	}
	if a.Disabled && !c.Enable {
		return fmt.Errorf("%s is disabled; --enable enables it, too", a.Email)
	}
	l, err := admin.FetchLink(ctx, where, admin.LinkWanted{ID: a.ID, Who: commandUser(), ResetSecondFactor: c.ResetSecondFactor, Enable: c.Enable})
	if err != nil {
		return err
	}
	return c.write(to, a, l)
}

// findAccount finds an account by its address, or says which there are.
func findAccount(all []admin.Account, email string) (*admin.Account, error) {
	email = strings.TrimSpace(email)
	at := slices.IndexFunc(all, func(a admin.Account) bool { return strings.EqualFold(a.Email, email) })
	if at >= 0 {
		return &all[at], nil
	}
	if len(all) == 0 {
		return nil, errors.New(noAccounts)
	}
	const most = 10
	var names []string
	for i := range all[:min(len(all), most)] {
		names = append(names, all[i].Email)
	}
	more := ""
	if len(all) > most {
		more = fmt.Sprintf(" and %d more (sipward-collector account list)", len(all)-most)
	}
	return nil, fmt.Errorf("there is no account %q; there are %s%s", email, strings.Join(names, ", "), more)
}

// write prints the link on a line of its own, and what is to be known of it.
func (c *accountLinkCmd) write(to io.Writer, a *admin.Account, l *admin.AccountLink) error {
	until := time.UnixMilli(l.ExpiresUnixMs).UTC().Format(time.RFC3339)
	text := fmt.Sprintf("%s sets a new password with this link, once, until %s:\n\n%s\n\n", a.Email, until, l.URL)
	if a.Disabled {
		text += "The account is enabled.\n"
	}
	switch {
	case a.SecondFactor && c.ResetSecondFactor:
		text += "Its second factor is gone: switch on a new one after the login. Its sessions have ended.\nUntil the link is used, the old password alone is enough to log in.\n"
	case a.SecondFactor:
		text += "Its second factor stays, and is asked for at the login; --reset-second-factor takes it away.\n"
	}
	if a.Password && (!a.SecondFactor || !c.ResetSecondFactor) {
		text += "The old password is good until then. Its sessions end when the link is used.\n"
	}
	_, err := io.WriteString(to, text)
	return err
}
