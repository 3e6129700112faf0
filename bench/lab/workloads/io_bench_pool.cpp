// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/workloads/io_bench_pool.hpp"

namespace rp::lab {

bench_pool::~bench_pool() {
    if (pool_ != nullptr) {
        DestroyThreadpoolEnvironment(&environment_);
        CloseThreadpool(pool_);
    }
}

std::string bench_pool::open(const std::string& policy, unsigned workers) {
    pool_ = CreateThreadpool(nullptr);
    if (pool_ == nullptr) {
        return describe_win32("ringpool: CreateThreadpool", GetLastError());
    }
    InitializeThreadpoolEnvironment(&environment_);
    SetThreadpoolCallbackPool(&environment_, pool_);
    if (!rp_pool_set_policy(pool_, policy.c_str())) {
        return describe_win32(("ringpool: policy '" + policy + "'").c_str(), GetLastError());
    }
    SetThreadpoolThreadMaximum(pool_, workers);
    if (!SetThreadpoolThreadMinimum(pool_, workers)) {
        return describe_win32("ringpool: SetThreadpoolThreadMinimum", GetLastError());
    }
    return {};
}

std::string bench_pool::completion_source() const {
    rp_pool_info info{};
    info.size = sizeof(info);
    if (!rp_pool_query(pool_, &info) || info.completion_source == nullptr) {
        return {};
    }
    return std::string("completions: ") + info.completion_source;
}

std::string describe_win32(const char* what, DWORD error) {
    return std::string(what) + " failed: Windows error " + std::to_string(error);
}

} // namespace rp::lab
