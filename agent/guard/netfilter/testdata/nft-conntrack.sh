# install
nft --file - <<'END'
add table inet sipward
delete table inet sipward
table inet sipward {
	set banned4 {
		type ipv4_addr
		flags timeout
		size 65536
	}
	set banned6 {
		type ipv6_addr
		flags timeout
		size 65536
	}
	chain reassemble {
		type filter hook prerouting priority raw; policy accept;
		meta nfproto ipv6 meta l4proto udp meta length 0 ct state invalid
	}
	chain input {
		type filter hook input priority mangle; policy accept;
		iifname != "lo" meta l4proto { tcp, udp } th dport { 5060 } goto registers
	}
	chain registers {
		ip saddr @banned4 drop
		ip6 saddr & ffff:ffff:ffff:ffff:: @banned6 drop
		meta l4proto != udp return
		@th,64,32 & 0xdfdfdfdf == 0x52454749 @th,96,32 & 0xdfdfdfdf == 0x53544552 counter queue num 5060 bypass
		meta length >= 60 @th,64,8 0-32 @th,96,32 != 0x2112a442 counter queue num 5060 bypass
	}
}
END
# remove
nft --file - <<'END'
add table inet sipward
delete table inet sipward
END
