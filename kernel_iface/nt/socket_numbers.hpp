// SPDX-License-Identifier: Apache-2.0
#pragma once

// Windows's numbers for sockets. <winsock2.h> cannot be included where <sys/socket.h> is, because
// they describe different sockets; runtime/winsock asserts that these numbers agree with it.

namespace rp::nt::ws {

inline constexpr int af_inet6 = 23;
inline constexpr int so_debug = 0x0001;
inline constexpr int so_acceptconn = 0x0002;
inline constexpr int so_reuseaddr = 0x0004;
inline constexpr int so_keepalive = 0x0008;
inline constexpr int so_dontroute = 0x0010;
inline constexpr int so_broadcast = 0x0020;
inline constexpr int so_linger = 0x0080;
inline constexpr int so_oobinline = 0x0100;
inline constexpr int so_dontlinger = ~so_linger;
inline constexpr int so_exclusiveaddruse = ~so_reuseaddr;
inline constexpr int so_sndbuf = 0x1001;
inline constexpr int so_rcvbuf = 0x1002;
inline constexpr int so_sndtimeo = 0x1005;
inline constexpr int so_rcvtimeo = 0x1006;
inline constexpr int so_error = 0x1007;
inline constexpr int so_type = 0x1008;
inline constexpr int so_update_accept_context = 0x700B;
inline constexpr int so_update_connect_context = 0x7010;
inline constexpr int level_socket = 0xffff;
inline constexpr int level_ip = 0;
inline constexpr int level_tcp = 6;
inline constexpr int level_ipv6 = 41;
inline constexpr int ip_tos = 3;
inline constexpr int ip_ttl = 4;
inline constexpr int ipv6_unicast_hops = 4;
inline constexpr int ipv6_v6only = 27;
inline constexpr int tcp_nodelay = 1;
inline constexpr unsigned msg_oob = 0x1;
inline constexpr unsigned msg_peek = 0x2;
inline constexpr unsigned msg_dontroute = 0x4;
inline constexpr unsigned msg_waitall = 0x8;
inline constexpr unsigned msg_partial = 0x8000;

} // namespace rp::nt::ws
