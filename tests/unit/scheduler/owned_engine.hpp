// SPDX-License-Identifier: Apache-2.0
#pragma once
// An engine that ends with its scope: what is queued still runs.
#include "scheduler/engine.hpp"

#include <memory>

namespace rp::test {

struct engine_end {
    void operator()(sched::engine* e) const {
        e->shut_down();
        e->release();
    }
};

using owned_engine = std::unique_ptr<sched::engine, engine_end>;

} // namespace rp::test
