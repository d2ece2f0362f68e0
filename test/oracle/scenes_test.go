package oracle_test

var scenes = []scene{
	{"a CANCEL that lost the race", `
		> INVITE sdp=4000
		< 180-INVITE to=b
		> CANCEL
		< 200-INVITE to=b sdp=6000
		< 200-CANCEL to=b
		> ACK to=b
		> BYE cseq=2 to=b`},
	{"the early dialog ended by BYE", `
		> INVITE sdp=4000
		< 180-INVITE to=b
		> BYE cseq=2 to=b
		< 200-BYE cseq=2 to=b
		< 487-INVITE to=b
		> ACK to=b`},
	{"offer in the answer, answer in the ACK", `
		> INVITE
		< 200-INVITE to=b sdp=6000
		> ACK to=b sdp=4000
		> audio
		> digit 1
		< digit 2
		< BYE cseq=9 to=b`},
	{"offer in a 183, answer in the PRACK, early digits", `
		> INVITE
		< 183-INVITE to=b sdp=6000
		> PRACK cseq=2 to=b sdp=4000
		> digit 3
		< 200-INVITE to=b
		> ACK to=b
		> digit 4
		> BYE cseq=3 to=b`},
	{"UPDATE moves the callee's media", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		< UPDATE cseq=1 to=b sdp=6002
		> 200-UPDATE cseq=1 to=b sdp=4000
		> digit 5 at=6002
		> BYE cseq=2 to=b`},
	{"the callee's re-INVITE has the number of the INVITE", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		< INVITE to=b sdp=6004
		> 200-INVITE to=b sdp=4000
		< ACK to=b
		> digit 6 at=6004
		> BYE cseq=2 to=b`},
	{"re-INVITEs that cross", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		> INVITE cseq=2 to=b sdp=4000
		< INVITE cseq=2 to=b sdp=6000
		< 491-INVITE cseq=2 to=b
		> 491-INVITE cseq=2 to=b
		< BYE cseq=3 to=b`},
	{"two branches answer, and end one after the other", `
		> INVITE sdp=4000
		< 180-INVITE to=b
		< 180-INVITE to=c
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		< 200-INVITE to=c sdp=6002
		> ACK to=c
		> BYE cseq=2 to=c
		wait 2
		> BYE cseq=3 to=b`},
	{"two branches answer, and one is never ended", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		< 200-INVITE to=c sdp=6000
		> BYE cseq=2 to=c`},
	{"BYEs that cross", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		> BYE cseq=2 to=b
		< BYE cseq=1 to=b`},
	{"an answer without a tag", `
		> INVITE sdp=4000
		< 180-INVITE to=b
		< 200-INVITE sdp=6000
		> ACK
		> BYE cseq=2`},
	{"a Call-ID used again", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> BYE cseq=2 to=b
		wait 40
		> INVITE cseq=7 sdp=4000
		< 200-INVITE cseq=7 to=c sdp=6000
		> digit 7
		> BYE cseq=8 to=c`},
	{"begins with the answer", `
		< 200-INVITE to=b sdp=6000
		> ACK to=b
		> digit 8
		> BYE cseq=2 to=b`},
	{"begins with a re-INVITE", `
		> INVITE cseq=3 to=b sdp=4000
		< 200-INVITE cseq=3 to=b sdp=6000
		> ACK cseq=3 to=b
		< digit 9
		> BYE cseq=4 to=b`},
	{"begins with the media of a 183", `
		< 183-INVITE to=b sdp=6000 pt=97
		> digit 1 pt=97
		< 200-INVITE to=b
		> digit 2 pt=97
		> BYE cseq=2 to=b`},
	{"begins with a 183, and the caller hangs up", `
		< 183-INVITE to=b sdp=6000
		> digit 1
		> digit 2
		< 200-INVITE to=b sdp=6000
		> digit 3
		> BYE cseq=2 to=b`},
	{"begins with the media of an ACK", `
		> ACK to=b sdp=4000
		< digit 3
		> BYE cseq=2 to=b`},
	{"never answered", `
		> INVITE sdp=4000
		< 180-INVITE to=b
		wait 1
		> INVITE sdp=4000`},
	{"compact headers", `
		> INVITE sdp=4000 form=compact
		< 200-INVITE to=b sdp=6000 form=compact
		> digit 1
		> BYE cseq=2 to=b form=compact`},
	{"folded headers", `
		> INVITE sdp=4000 form=folded
		< 200-INVITE to=b sdp=6000 form=folded
		> digit 2
		> BYE cseq=2 to=b form=folded`},
	{"multipart bodies", `
		> INVITE sdp=4000 form=multipart
		< 200-INVITE to=b sdp=6000 form=multipart
		< digit 3
		> BYE cseq=2 to=b`},
	{"lines that end with LF alone", `
		> INVITE sdp=4000 form=bare
		< 200-INVITE to=b sdp=6000 form=bare
		> digit 4
		> BYE cseq=2 to=b form=bare`},
	{"a type of its own each way", `
		> INVITE sdp=4000 pt=96
		< 200-INVITE to=b sdp=6000 pt=100
		> digit 5 pt=100
		< digit 6 pt=96
		> BYE cseq=2 to=b`},
	{"digits whose packets are lost", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> digit 1 lost=0123
		> digit 1 lost=456
		> digit 2 lost=012345
		> digit 2
		> digit # lost=135
		> BYE cseq=2 to=b`},
	{"a stream of its own for digits, and a new one", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> audio
		> digit 7 ssrc=2
		> audio
		> digit 7 ssrc=3
		> BYE cseq=2 to=b`},
	{"from behind a NAT", `
		> INVITE sdp=3000
		< 200-INVITE to=b sdp=6000
		> audio
		> digit 8 from=40123
		< digit 9 at=40123
		> BYE cseq=2 to=b`},
	{"digits by INFO, one sent twice", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> INFO cseq=2 to=b info=5
		> INFO cseq=3 to=b info=11
		> INFO cseq=3 to=b info=11
		< INFO cseq=1 to=b info=a
		> BYE cseq=4 to=b`},
	{"media of a call that fails", `
		> INVITE sdp=4000
		< 183-INVITE to=b sdp=6000
		< audio
		> digit 0
		< 486-INVITE to=b
		> ACK to=b`},
	{"media after the BYE", `
		> INVITE sdp=4000
		< 200-INVITE to=b sdp=6000
		> BYE cseq=2 to=b
		> digit *
		wait 60
		> digit 0
		wait 60
		< digit 1`},
}
