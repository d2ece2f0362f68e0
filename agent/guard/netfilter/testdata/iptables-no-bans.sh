# install
iptables-restore --noflush <<'END'
*mangle
:sipward - [0:0]
-I INPUT ! -i lo -p udp -m multiport --dports 5060 -j sipward
-A sipward -p udp -m u32 --u32 "0>>22&0x3C@8&0xDFDFDFDF=0x52454749&&0>>22&0x3C@12&0xDFDFDFDF=0x53544552" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m length --length 60:65535 -m u32 --u32 "0>>22&0x3C@8>>24=0:0x20&&0>>22&0x3C@12=0:0x2112A441,0x2112A443:0xFFFFFFFF" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m string --algo kmp --icase --hex-string "|524547495354455220|" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m string --algo kmp --icase --hex-string "|524547495354455209|" -j NFQUEUE --queue-num 5060 --queue-bypass
COMMIT
END
ip6tables-restore --noflush <<'END'
*mangle
:sipward - [0:0]
-I INPUT ! -i lo -p udp -m multiport --dports 5060 -j sipward
-A sipward -m u32 --u32 "0=0" -m socket
-A sipward -p udp -m u32 --u32 "4>>8&0xFF=17&&48&0xDFDFDFDF=0x52454749&&52&0xDFDFDFDF=0x53544552" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m length --length 80:65535 -m u32 --u32 "4>>8&0xFF=17&&48>>24=0:0x20&&52=0:0x2112A441,0x2112A443:0xFFFFFFFF" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m u32 ! --u32 "4>>8&0xFF=17" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m string --algo kmp --icase --hex-string "|524547495354455220|" -j NFQUEUE --queue-num 5060 --queue-bypass
-A sipward -p udp -m string --algo kmp --icase --hex-string "|524547495354455209|" -j NFQUEUE --queue-num 5060 --queue-bypass
COMMIT
END
# remove
iptables-restore --noflush <<'END'
*mangle
-D INPUT ! -i lo -p udp -m multiport --dports 5060 -j sipward
-F sipward
-X sipward
COMMIT
END
ip6tables-restore --noflush <<'END'
*mangle
-D INPUT ! -i lo -p udp -m multiport --dports 5060 -j sipward
-F sipward
-X sipward
COMMIT
END
