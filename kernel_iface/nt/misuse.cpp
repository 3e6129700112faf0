// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/nt/misuse.hpp"

#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace rp::nt {
namespace {

constinit std::atomic<misuse_handler> installed_handler{nullptr};
constinit std::atomic<misuse_describer> installed_describer{nullptr};

// No stdio streams and no allocation of ours: the heap may be what was damaged.
void print_misuse(uint32_t ntstatus,
                  const char* function,
                  const void* object,
                  uintptr_t detail,
                  const char* explanation) {
    std::array<char, 1024> text;
    const int length = std::snprintf(text.data(),
                                     text.size(),
                                     "ringpool: misuse of %s: %s\n"
                                     "  status 0x%08X; object %p, detail 0x%llx\n"
                                     "  Called from:\n",
                                     function,
                                     explanation,
                                     ntstatus,
                                     object,
                                     static_cast<unsigned long long>(detail));
    if (length > 0) {
        const size_t bytes = static_cast<size_t>(length) < text.size() ? static_cast<size_t>(length)
                                                                       : text.size() - 1;
        // The diagnosis is best effort: what follows does not depend on it.
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), bytes);
    }
    std::array<void*, 64> frames;
    const int depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
    // mo: acquire, pairs misuse.describer (set_misuse_describer).
    const misuse_describer describe = installed_describer.load(std::memory_order_acquire);
    if (describe != nullptr) {
        describe(object, STDERR_FILENO);
    } else {
        ::dprintf(STDERR_FILENO,
                  "  RINGPOOL_VERIFY=1 adds where the object was made and what happened to it; "
                  "rp_set_misuse_handler() can intercept this.\n");
    }
}

} // namespace

void set_misuse_describer(misuse_describer describer) noexcept {
    // mo: release, pairs misuse.describer (print_misuse).
    installed_describer.store(describer, std::memory_order_release);
}

misuse_handler set_misuse_handler(misuse_handler handler) noexcept {
    // mo: acq_rel, pairs misuse.handler (fatal_misuse): what the handler uses was written before.
    return installed_handler.exchange(handler, std::memory_order_acq_rel);
}

void fatal_misuse(uint32_t code,
                  const char* function,
                  const void* object,
                  uintptr_t detail,
                  const char* explanation) {
    // mo: acquire, pairs misuse.handler (set_misuse_handler).
    misuse_handler handler = installed_handler.load(std::memory_order_acquire);
    if (handler == nullptr) {
        print_misuse(code, function, object, detail, explanation);
        std::abort();
    }
    handler(code, function, object, detail);
}

void report_misuse(uint32_t code,
                   const char* function,
                   const void* object,
                   uintptr_t detail,
                   const char* explanation) {
    // mo: acquire, pairs misuse.handler (set_misuse_handler).
    misuse_handler handler = installed_handler.load(std::memory_order_acquire);
    if (handler != nullptr) {
        handler(code, function, object, detail);
        return;
    }
    static constinit std::atomic<uint32_t> printed{0};
    constexpr uint32_t printed_max = 16;
    // mo: relaxed, only bounds the number of reports.
    if (printed.fetch_add(1, std::memory_order_relaxed) < printed_max) {
        print_misuse(code, function, object, detail, explanation);
    }
}

} // namespace rp::nt
