// SPDX-License-Identifier: Apache-2.0
#pragma once
// What stands in for the structured exceptions Windows raises on misuse (R-ERR-4).
#include <windows.h>

#include <cstdint>

namespace rp::nt {

using misuse_handler = void (*)(unsigned ntstatus,
                                const char* function,
                                const void* object,
                                ULONG_PTR detail);

/// Installs `handler` (nullptr: the default one) and returns the previous one; nullptr stands for
/// the default.
misuse_handler set_misuse_handler(misuse_handler handler) noexcept;

/// Writes what is known about an object to a descriptor, as part of a printed report.
using misuse_describer = void (*)(const void* object, int fd);
void set_misuse_describer(misuse_describer describer) noexcept;

/// Reports that `function` was misused: `ntstatus` is what Windows would raise, `object` and
/// `detail` what it was called with, `explanation` one sentence for the programmer. The default
/// handler prints it with a backtrace and aborts. When an installed handler returns, the caller
/// must do nothing.
void fatal_misuse(uint32_t ntstatus,
                  const char* function,
                  const void* object,
                  uintptr_t detail,
                  const char* explanation);

/// The same for misuse that Windows lets pass without a crash: the handler is called, or, without
/// one, the diagnosis is printed (the first 16 in a process) and the program goes on.
void report_misuse(uint32_t ntstatus,
                   const char* function,
                   const void* object,
                   uintptr_t detail,
                   const char* explanation);

} // namespace rp::nt
