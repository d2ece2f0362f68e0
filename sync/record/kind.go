package record

// Kind names what a record is, and returns it; "unknown" when it is of a newer
// version.
func (x *Record) Kind() (name string, of any) {
	switch {
	case x.GetCall() != nil:
		return "call", x.Call
	case x.GetHourMark() != nil:
		return "hour_mark", x.HourMark
	case x.GetLoss() != nil:
		return "loss", x.Loss
	case x.GetMinute() != nil:
		return "minute", x.Minute
	case x.GetRegistration() != nil:
		return "registration", x.Registration
	}
	return "unknown", nil
}
