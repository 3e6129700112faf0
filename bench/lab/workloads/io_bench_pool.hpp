// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <windows.h>

#include <ringpool/ringpool.h>

#include <string>

namespace rp::lab {

// A private pool of exactly `workers` threads under one policy, and the environment that binds
// callback objects to it. Closed on destruction; its objects must have been closed before.
class bench_pool {
public:
    bench_pool() = default;
    ~bench_pool();
    bench_pool(const bench_pool&) = delete;
    bench_pool& operator=(const bench_pool&) = delete;

    // A sentence when it cannot be had.
    [[nodiscard]] std::string open(const std::string& policy, unsigned workers);

    [[nodiscard]] PTP_CALLBACK_ENVIRON environment() noexcept { return &environment_; }

    // Where completions come from, for the note of a cell.
    [[nodiscard]] std::string completion_source() const;

private:
    PTP_POOL pool_ = nullptr;
    TP_CALLBACK_ENVIRON environment_{};
};

// "what failed: Windows error n".
std::string describe_win32(const char* what, DWORD error);

} // namespace rp::lab
