// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernel constants newer than liburing 2.3 and the Linux 6.1 headers, under names of our own.
#include <liburing.h>

#include <cstddef>
#include <cstdint>

namespace rp::kernel::uapi {

inline constexpr uint8_t op_futex_wait = 51;            // Linux 6.7
inline constexpr uint32_t futex2_size_u32 = 0x02;       // Linux 6.7
inline constexpr uint32_t futex2_private = 128;         // Linux 6.7
inline constexpr uint64_t futex_match_any = 0xffffffff; // FUTEX_BITSET_MATCH_ANY
inline constexpr uint32_t enter_no_iowait = 1U << 7;    // Linux 6.15: idle is not I/O wait
inline constexpr uint32_t feat_no_iowait = 1U << 17;    // Linux 6.15

// The fields FUTEX_WAIT reads: fd = flags of the futex, addr = word, off = expected value,
// addr3 = mask.
static_assert(sizeof(io_uring_sqe) == 64);
static_assert(offsetof(io_uring_sqe, fd) == 4);
static_assert(offsetof(io_uring_sqe, off) == 8);
static_assert(offsetof(io_uring_sqe, addr) == 16);
static_assert(offsetof(io_uring_sqe, user_data) == 32);
static_assert(offsetof(io_uring_sqe, addr3) == 48);
static_assert(sizeof(io_uring_getevents_arg) == 24);
static_assert(IORING_OP_SENDMSG_ZC == 48, "opcodes are counted from there");

// Where a newer liburing knows these names, its values must be ours.
#if defined(IO_URING_VERSION_MAJOR) && defined(IO_URING_VERSION_MINOR)
#if IO_URING_VERSION_MAJOR > 2 || IO_URING_VERSION_MINOR >= 6
static_assert(op_futex_wait == IORING_OP_FUTEX_WAIT);
#endif
#endif
#ifdef FUTEX2_SIZE_U32
static_assert(futex2_size_u32 == FUTEX2_SIZE_U32);
#endif
#ifdef FUTEX2_PRIVATE
static_assert(futex2_private == FUTEX2_PRIVATE);
#endif
#ifdef IORING_ENTER_NO_IOWAIT
static_assert(enter_no_iowait == IORING_ENTER_NO_IOWAIT);
#endif
#ifdef IORING_FEAT_NO_IOWAIT
static_assert(feat_no_iowait == IORING_FEAT_NO_IOWAIT);
#endif

} // namespace rp::kernel::uapi
