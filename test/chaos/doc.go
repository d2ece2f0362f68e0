// Package chaos kills agents, broker, collectors and database at random
// moments, starts them again, and sends calls all the while. When it is over
// and everything has been delivered, what the collectors stored is compared,
// record by record, with what the agents had accepted: nothing may be missing,
// nothing may be there twice.
//
// Its tests run for as long as SIPWARD_CHAOS says (make chaos). SIPWARD_AGENT and
// SIPWARD_COLLECTOR name the programs, which are built otherwise;
// SIPWARD_CHAOS_SEED repeats the kills and the calls of an earlier run, as far
// as the machine does. SIPWARD_CHAOS_KEEP=1 keeps the folder with logs, spools and
// databases, as a failed test does.
package chaos
