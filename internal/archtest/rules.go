package archtest

// Patterns in these tables are folders: "sip/parse" is that one, "sip/..." is
// sip and all below it. A row's reason is printed when the row is broken.

// Layer says which packages of the module the packages From may import.
// Every package needs a row; the first row that matches counts.
type Layer struct {
	From   string
	May    []string
	Reason string
}

var layers = []Layer{
	{"sip/packet", nil,
		"it is what everything else stands on"},
	{"sip/parse", []string{"sip/packet"},
		"a message is read without knowing what calls are"},
	{"sip/party", nil,
		"who owns an address or a number is asked by others, and asks nobody"},
	{"sip/dtmf", []string{"sip/parse"},
		"a press is read from its packets alone; parse only lends its sets of payload types"},
	{"sip/media", []string{"sip/packet", "sip/parse", "sip/dtmf"},
		"flows are followed without knowing what calls are"},
	{"sip/register", []string{"sip/packet", "sip/parse", "sip/party"},
		"registrations and calls do not know of one another"},
	{"sip/dialog", []string{"sip/packet", "sip/parse", "sip/media", "sip/party"},
		"calls announce media and leave its packets to others"},
	{"counters", []string{"sip/..."},
		"figures come from calls and attempts, whoever shows or sends them"},
	{"sync/record", []string{"sip/...", "counters"},
		"what is stored and sent is made from the core's results and read by both programs"},
	{"sync/spool", []string{"internal/seldom", "sync/record"},
		"the spool is an edge: it knows records and a disk, not who makes or takes them"},
	{"sync/uplink", []string{"sync/record", "internal/backoff", "internal/brokerurl", "internal/seldom"},
		"the uplink is an edge: it knows records and a broker, and is handed its spool as an interface"},
	{"configs", []string{"sip/...", "internal/brokerurl"},
		"the config is checked against the core's own types and starts nothing"},
	{"agent/capture", []string{"sip/packet", "sip/parse", "sip/media"},
		"capture is an edge: it hands frames on and takes media endpoints; what they mean is the pipeline's"},
	{"agent/pipeline", []string{"sip/...", "counters", "sync/record"},
		"the pipeline owns the core's state and is handed its edges as interfaces"},
	{"agent/guard", []string{"sip/...", "internal/seldom", "internal/site"},
		"the guard owns bindings and verdicts; its edges and what reports them know it, and it knows none of them"},
	{"agent/guard/authorize", []string{"sip/...", "internal/httpstop", "internal/socket"},
		"an edge of the guard: it asks for verdicts through an interface of its own"},
	{"agent/guard/netfilter", []string{"sip/...", "internal/site"},
		"an edge of the guard: it asks for verdicts through an interface of its own"},
	{"agent/table", []string{"configs", "internal/seal"},
		"the centre's table is verified, kept and handed on, whoever uses it"},
	{"agent/admin", []string{"internal/adminhttp", "internal/certs", "internal/metric", "internal/tally", "sip/...", "counters", "sync/record"},
		"admin is an edge: it shows snapshots that it is handed"},
	{"agent/top", []string{"agent/admin", "counters", "sync/record"},
		"top is an edge: it draws what admin's socket answers, and knows nothing of what is behind it"},
	{"agent/records", []string{"sync/record"},
		"records is an edge: it knows a disk, and is handed finished calls"},
	{"agent/outbox", []string{"sip/...", "counters", "sync/record"},
		"the outbox makes records of the core's results, and is handed the spool as an interface"},
	{"agent/replay", []string{"agent/pipeline", "sip/...", "counters"},
		"a replay is a driver of its own pipeline: frames, the terminal and the place of records are handed to it"},
	{"agent", []string{"agent/...", "internal/adminhttp", "internal/certs", "internal/metric", "internal/program", "internal/seal", "internal/seldom", "internal/tally", "sip/...", "counters", "sync/...", "configs"},
		"the agent's main wires its own edges to the core, and never a part of the collector"},
	{"collector/query", []string{"sync/record"},
		"the store, the dashboard and the alerts share these types, so that none of them imports another"},
	{"collector/store", []string{"collector/accounts", "collector/query", "internal/backoff", "sync/record"},
		"the store is an edge: it knows records and a database"},
	{"collector/ingest", []string{"internal/backoff", "internal/brokerurl", "internal/seldom", "sync/record"},
		"ingest is an edge: it knows records and a broker, and is handed its store as an interface"},
	{"collector/ingest/broker", []string{"internal/seldom", "sync/record"},
		"the embedded broker is an edge: it knows topics, and asks through an interface who may come in"},
	{"collector/admin", []string{"internal/adminhttp", "internal/certs", "internal/metric", "internal/tally", "sync/record"},
		"admin is an edge: it shows snapshots that it is handed"},
	{"collector/table", []string{"configs", "internal/seal", "sip/party"},
		"the table of customers and blocks is arithmetic and a document, wherever it is kept"},
	{"collector/nodes", []string{"sync/record"},
		"who may connect is files and certificates, whoever asks for them"},
	{"collector/accounts", []string{"internal/site"},
		"who may do what is decided without knowing who asks how, and where it is kept"},
	{"collector/accounts/accountstest", []string{"collector/accounts"},
		"a store is held to what accounts expect of it, and to nothing else"},
	{"collector/alerts", []string{"collector/query", "internal/backoff", "sync/record"},
		"alerts are judged from figures that are handed in, and sent by an edge that knows mail and HTTP alone"},
	{"collector/web", []string{"collector/accounts", "collector/query", "collector/table", "configs", "internal/httpstop", "internal/seldom", "internal/site", "sync/record"},
		"the web is an edge: it shows what it is handed"},
	{"collector", []string{"collector/...", "internal/adminhttp", "internal/backoff", "internal/brokerurl", "internal/certs", "internal/metric", "internal/program", "internal/seal", "internal/seldom", "internal/tally", "sip/...", "counters", "sync/record", "configs"},
		"the collector's main wires its own edges, and never a part of the agent"},
	{"internal/adminhttp", []string{"internal/httpstop", "internal/socket"},
		"both programs show what they do in one way; what they show is handed to it"},
	{"internal/backoff", nil,
		"who tries again waits in one way, whatever failed"},
	{"internal/brokerurl", nil,
		"how a broker is named is the same for the file, the agent and the collector"},
	{"internal/certs", nil,
		"until when certificates are good is read in one way by both programs"},
	{"internal/httpstop", nil,
		"servers end in one way, whatever they served"},
	{"internal/seal", nil,
		"a signature is made by the collector and checked by the agent in one way"},
	{"internal/manual", nil,
		"pages and completions are made from a model that is handed in, whoever's it is"},
	{"packaging/...", []string{"internal/manual"},
		"packages are made from outside, of what the programs say about themselves"},
	{"internal/program", []string{"internal/manual"},
		"both programs speak to a shell and to systemd in one way, whatever they do"},
	{"internal/seldom", nil,
		"strangers fill no log, and one place sees to that"},
	{"internal/site", nil,
		"what counts as one source is the same wherever sources are counted"},
	{"internal/socket", nil,
		"a unix socket is opened in one way, whoever listens"},
	{"internal/metric", []string{"internal/tally"},
		"metrics are described in one way, for Prometheus and for the documentation of both programs"},
	{"internal/metric/metrictest", []string{"internal/metric"},
		"what is exported is held against its description, and against nothing else"},
	{"internal/tally", nil,
		"a counter's words are the same in metrics, status and log of both programs"},
	{"internal/archtest", nil,
		"the rules depend on nothing that they judge"},
	{"internal/testkit/cmd/...", []string{"internal/testkit/...", "configs"},
		"the demo drives the real program from outside"},
	{"internal/testkit/history", []string{"agent/outbox", "counters", "sip/...", "sync/record", "sync/spool"},
		"weeks of calls would take weeks to play, so the agent's own counters and records write them to a spool; what they should come to is counted apart"},
	{"internal/testkit/...", []string{"sip/packet"},
		"a generator that shared code with what it tests would share its mistakes"},
	{"test/faults", []string{"test/...", "internal/testkit/...", "sync/spool", "sync/record"},
		"these tests drive the real programs from outside; a backlog of days would take days to play, so it is written to a spool"},
	{"test/...", []string{"test/...", "internal/testkit/...", "configs"},
		"these tests drive the real programs from outside"},
}

// Library says where a library outside the module may be used. The longest
// prefix of the import path counts; an import without a row is refused.
type Library struct {
	Path   string
	In     []string
	Reason string
}

// tests stands for _test.go files in Library.In; every library that the module
// uses anywhere may be used in them.
const tests = "tests"

var libraries = []Library{
	{"github.com/emiago/sipgo/sip", []string{"sip/parse"},
		"one place turns bytes into messages; the rest reads parse.Message"},
	{"github.com/pion/rtp", []string{"sip/dtmf"},
		"one place looks into RTP"},
	{"github.com/pion/sdp/v3", []string{"sip/parse"},
		"one place turns session descriptions into parse.SDP"},
	{"github.com/gopacket/gopacket", []string{"sip/packet", "internal/testkit"},
		"one place takes frames apart; the call generator puts its own together"},
	{"github.com/cilium/ebpf", []string{"agent/capture"},
		"the kernel filter belongs to capture"},
	{"github.com/alecthomas/kong", []string{"agent", "collector", "internal/program", "internal/manual"},
		"only a main has a command line, and its description is written from it"},
	{"github.com/goccy/go-yaml", []string{"configs"},
		"files are read strictly, in one place"},
	{"github.com/vishvananda/netlink", []string{tests},
		"only tests make interfaces and addresses"},
	{"github.com/prometheus/client_golang", []string{"agent/admin", "collector/...", "internal/adminhttp", "internal/metric"},
		"edges export; the core counts in plain numbers"},
	{"github.com/klauspost/compress", []string{"agent/capture", "sync/uplink", "collector/ingest"},
		"captures, HEP payloads and batches of records are compressed, and nothing else"},
	{"github.com/coreos/go-systemd/v22", []string{"internal/program"},
		"one place speaks to systemd; when to is the main's to say"},
	{"github.com/schollz/progressbar/v3", []string{"agent", "collector"},
		"a terminal belongs to the command line"},
	{"charm.land/bubbletea/v2", []string{"agent/top"},
		"the live view has the terminal to itself"},
	{"charm.land/lipgloss/v2", []string{"agent/top"},
		"the live view has the terminal to itself"},
	{"golang.org/x/term", []string{"agent", "collector", "internal/testkit/cmd/..."},
		"a terminal belongs to the command line"},
	{"golang.org/x/sys", []string{"agent/...", "collector/store", "sync/spool", "test/..."},
		"system calls are made by edges"},
	{"golang.org/x/sync", []string{"agent/...", "collector/...", "internal/adminhttp", "internal/testkit/..."},
		"goroutines are started by mains and edges"},
	{"golang.org/x/crypto", []string{"collector/accounts"},
		"passwords and codes are checked in one place"},
	{"github.com/pquerna/otp", []string{"collector/accounts"},
		"passwords and codes are checked in one place"},
	{"github.com/wneessen/go-mail", []string{"collector/alerts"},
		"mail is written in one place"},
	{"google.golang.org/protobuf", []string{"sync/record"},
		"one place knows the wire format of records"},
	{"go.etcd.io/bbolt", []string{"sync/spool"},
		"one place knows the spool's file format"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"sync/uplink", "collector/ingest"},
		"MQTT ends at these two"},
	{"github.com/mochi-mqtt/server/v2", []string{"collector/ingest/broker"},
		"the embedded broker is part of ingest"},
	{"modernc.org/sqlite", []string{"collector/store", "test/..."},
		"databases end at the store, and tests read its files without it"},
	{"github.com/jackc/pgx/v5", []string{"collector/store"},
		"databases end at the store"},
	{"github.com/google/go-cmp", []string{tests},
		"a comparison that may panic has no place in a program"},
	{"go.uber.org/goleak", []string{tests},
		"only tests look for leaked goroutines"},
	{"github.com/santhosh-tekuri/jsonschema/v6", []string{tests},
		"only tests hold answers to their description"},
	{"github.com/rogpeppe/go-internal", []string{tests},
		"only tests run scripts"},
}

// Pure lists packages without IO, clock or goroutines: the same input gives
// the same figures, whenever and wherever it is read.
var pure = []string{"sip/...", "counters", "sync/record", "collector/query"}

// Ban is a part of the standard library that pure packages and all that they
// import inside the module must not use.
type Ban struct {
	Path   string
	Reason string
}

var bans = []Ban{
	{"net/netip", ""}, // addresses without sockets; a row without reason is an exception
	{"net/...", "sockets are opened by edges; addresses are net/netip"},
	{"os/...", "files and the environment are read by edges"},
	{"syscall/...", "system calls are made by edges"},
	{"context", "there is nothing to wait for or to cancel in the core"},
	{"log/...", "the core returns what happened; an edge logs it"},
	{"sync/...", "state has one owner, so there is nothing to lock"},
	{"crypto/rand", "the same packets must give the same result"},
	{"math/rand/...", "the same packets must give the same result"},
	{"testing/...", "test helpers do not belong into a program"},
}

// reasonClock is why a pure package neither reads the clock nor starts goroutines.
const (
	reasonClock = "time comes in as an argument; a packet's own timestamp is the clock"
	reasonGo    = "state has one owner; goroutines are started by mains and edges"
)

// testkit may be imported by _test.go files and these packages only.
var testkitUsers = []string{"internal/testkit/...", "test/..."}
