// SPDX-License-Identifier: Apache-2.0
#pragma once
// `fixed`: N threads, N tokens, and nothing moves. See README.md.
#include "scheduler/controller.hpp"

namespace rp::sched::controllers {

class fixed final : public controller {
public:
    static constexpr controller_traits described{.name = "fixed",
                                                 .compensates = compensation::none};

    [[nodiscard]] const controller_traits& traits() const noexcept override { return described; }

    decision sample(const pool_sample& now) noexcept override {
        const uint32_t wanted = now.hard_minimum != 0 ? now.hard_minimum : now.cpus;
        const uint32_t n = std::min(wanted, now.most_tokens());
        return {.tokens = n, .soft_minimum = n, .soft_maximum = n};
    }
};

} // namespace rp::sched::controllers
