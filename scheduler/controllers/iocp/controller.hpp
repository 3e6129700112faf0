// SPDX-License-Identifier: Apache-2.0
#pragma once
// `iocp`: one token for each CPU, and tokens follow runnable workers. See README.md.
#include "scheduler/controller.hpp"

namespace rp::sched::controllers {

class iocp final : public controller {
public:
    static constexpr controller_traits described{.name = "iocp"};

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        return {.tokens = std::min(now.cpus, now.most_tokens())};
    }
};

} // namespace rp::sched::controllers
