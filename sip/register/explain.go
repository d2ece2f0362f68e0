package register

import (
	"fmt"
	"strings"

	"github.com/sipward/sipward/sip/party"
)

func (r *Registry) sayMalformed(in *inquiry, applies bool) string {
	switch {
	case !applies:
		return "It can be read in one way only."
	case in.q.Broken:
		return "It can be read in more than one way, or has no To: a header that may come once contradicts itself, the CSeq names another method, or quotes, brackets or line ends stand where programs read them differently."
	case disguised(in.q.To):
		return "Its user part holds a control character, or is missing where the host is a number: some programs read a number in it."
	}
	return "\"Contact: *\" stands beside other contacts, or with another expiry than 0."
}

func (r *Registry) sayDeregistration(in *inquiry, applies bool) string {
	switch {
	case applies:
		return "It only removes contacts, which always passes."
	case len(in.q.Contacts) == 0:
		return "It asks which contacts there are."
	}
	return fmt.Sprintf("It asks for %s.", plural(len(in.q.Contacts), "contact"))
}

func (r *Registry) sayBanned(in *inquiry, applies bool) string {
	if applies {
		return fmt.Sprintf("The source %s is banned for a time.", in.q.Source)
	}
	return "The source is not banned."
}

func (r *Registry) sayUnknownCustomer(in *inquiry, applies bool) string {
	who := r.book.Name(in.v.Customer)
	switch in.found {
	case bySource:
		return fmt.Sprintf("The source %s is customer %s.", in.q.Source, who)
	case byDomain:
		return fmt.Sprintf("The source %s is no customer's; the domain %s is customer %s.", in.q.Source, in.q.To.Host, who)
	case byRequest:
		return fmt.Sprintf("Neither the source %s nor the domain %s is a customer's; the domain %s of the Request-URI is customer %s.", in.q.Source, in.q.To.Host, in.q.RequestHost, who)
	case byNothing:
	}
	what := "may register"
	if applies {
		what = "may not register"
	}
	return fmt.Sprintf("Neither the source %s nor the domain %s is a customer's. Unknown customers %s.", in.q.Source, in.q.To.Host, what)
}

func (r *Registry) sayNonNumeric(in *inquiry, applies bool) string {
	switch {
	case in.numeric:
		return fmt.Sprintf("%s is a number.", in.q.To.User)
	case applies:
		return fmt.Sprintf("%q is no number, and %s may register numbers only.", in.q.To.User, r.who(in.v.Customer))
	}
	return fmt.Sprintf("%q is no number, which %s may register.", in.q.To.User, r.who(in.v.Customer))
}

func (r *Registry) sayOutsideBlocks(in *inquiry, applies bool) string {
	own := r.book.Blocks(in.v.Customer)
	switch {
	case len(own) == 0:
		return fmt.Sprintf("%s has no blocks.", upper(r.who(in.v.Customer)))
	case !in.numeric:
		return "Blocks say nothing of it."
	case !applies:
		return fmt.Sprintf("%s is in block %s of %s.", in.q.To.User, in.block, r.who(in.v.Customer))
	case in.v.Holder != party.Unknown:
		return fmt.Sprintf("%s is outside the blocks of %s (%s); it is in block %s of %s.", in.q.To.User, r.who(in.v.Customer), list(own), in.v.Block, r.who(in.v.Holder))
	}
	return fmt.Sprintf("%s is outside the blocks of %s (%s).", in.q.To.User, r.who(in.v.Customer), list(own))
}

func (r *Registry) sayForeignBlock(in *inquiry, applies bool) string {
	if applies {
		return fmt.Sprintf("%s is in block %s of %s.", in.q.To.User, in.v.Block, r.who(in.v.Holder))
	}
	return "It is in no other customer's block."
}

func (r *Registry) sayForeignUsername(in *inquiry, applies bool) string {
	switch {
	case applies:
		return fmt.Sprintf("The digest username %s is in block %s of %s.", in.q.Username, in.v.Block, r.who(in.v.Holder))
	case in.q.Username == "":
		return "It has no digest username."
	}
	return fmt.Sprintf("The digest username %s is in no other customer's block.", in.q.Username)
}

func (r *Registry) sayInUse(in *inquiry, applies bool) string {
	switch {
	case !applies && in.held:
		return "It is in the customer's own block: nobody else's phone can be in the way."
	case !applies:
		return "No other customer's phone is registered with it."
	}
	b := r.binding(in.other)
	return fmt.Sprintf("%s is registered with %s, from %s, for another %s.", upper(r.who(in.v.Holder)), in.q.To.User, b.Source, plural(int((b.Expires-in.now+second-1)/second), "second"))
}

func (r *Registry) sayTooManyContacts(in *inquiry, applies bool) string {
	switch {
	case in.limit <= 0:
		return "There is no limit of contacts."
	case in.adds == 0:
		return "It adds no contact."
	case applies:
		return fmt.Sprintf("It would have %s, and may have %d.", plural(in.keeps+in.adds, "contact"), in.limit)
	}
	return fmt.Sprintf("It would have %s of %d.", plural(in.keeps+in.adds, "contact"), in.limit)
}

// who names a customer in a sentence.
func (r *Registry) who(id party.ID) string {
	if id == party.Unknown {
		return "an unknown customer"
	}
	return "customer " + r.book.Name(id)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// list names some blocks.
func list(blocks []party.Block) string {
	const most = 4
	var b strings.Builder
	for i, block := range blocks[:min(len(blocks), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(block.String())
	}
	if n := len(blocks) - most; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	return b.String()
}
