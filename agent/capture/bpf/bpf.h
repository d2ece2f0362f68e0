/* SPDX-License-Identifier: Apache-2.0
 *
 * The little of the kernel's BPF interface that filter.c needs. It is written
 * out here so that the object depends on the compiler alone, not on the
 * kernel or libbpf headers of the machine that builds it. All of it is kernel
 * ABI (uapi/linux/bpf.h) and does not change.
 */
#ifndef SIPWARD_BPF_H
#define SIPWARD_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define SEC(name) __attribute__((section(name), used))
#define NOINLINE static __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

/* Definitions of maps in BTF: a number is an array's length. */
#define UINT(name, value) int(*name)[value]
#define TYPE(name, type) typeof(type) *name

#define MAP_HASH 1
#define MAP_PERCPU_ARRAY 6
#define F_NO_PREALLOC 1
#define UPDATE_NOEXIST 1

/* The context of a socket filter; fields past ifindex are not used. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol; /* network byte order */
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
};

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*map_delete)(void *map, const void *key) = (void *)3;
static long (*load_bytes)(const struct __sk_buff *skb, u32 off, void *to, u32 len) = (void *)26;
static u64 (*ktime_get_boot_ns)(void) = (void *)125; /* Linux 5.8 */

#define bswap16(x) __builtin_bswap16(x)
#define bswap32(x) __builtin_bswap32(x)

/* The object is built for little-endian hosts only. */
#define net16(x) ((u16)bswap16(x))
#define net32(x) bswap32(x)

/* An addition that two CPUs may do at once. Its result is never used, so that
 * it compiles to the plain atomic add of every kernel; fetching ones need 5.12.
 */
#define ATOMIC_ADD(where, n) ((void)__sync_fetch_and_add(&(where), (n)))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
