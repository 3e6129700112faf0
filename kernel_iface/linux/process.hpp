// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstddef>

namespace rp::kernel {

pid_t process_id() noexcept;
/// The file that this process runs, cut to `size`; empty when /proc is not there.
void program_path(char* path, size_t size) noexcept;
/// A descriptor of a process that becomes readable when the process has ended. Returns it, or
/// -errno (-ESRCH: no such process; -EINVAL: not a process id; -ENOSYS: Linux before 5.3).
int open_process(pid_t id) noexcept;
void close_process(int fd) noexcept;
bool has_process_ended(int fd) noexcept;
/// How an ended process ended: its exit status, or 128 + the signal that killed it; -errno when the
/// kernel does not tell (-ECHILD: it was no child of ours, or it has been waited for). It can still
/// be waited for afterwards.
int process_exit_status(int fd) noexcept;

} // namespace rp::kernel
