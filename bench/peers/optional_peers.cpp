// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/optional_peers.hpp"

namespace rp::peers {

std::unique_ptr<engine> make_taskflow(unsigned workers);
std::unique_ptr<engine> make_bs_thread_pool(unsigned workers);
std::unique_ptr<engine> make_stdexec(unsigned workers);

const std::vector<engine_kind>& optional_engines() {
    static const std::vector<engine_kind> kinds {
#if RINGPOOL_PEER_TASKFLOW
        {"taskflow", role::peer, make_taskflow, nullptr},
#endif
#if RINGPOOL_PEER_BS_THREAD_POOL
            {"bs_thread_pool", role::peer, make_bs_thread_pool, nullptr},
#endif
#if RINGPOOL_PEER_STDEXEC
            {"stdexec", role::peer, make_stdexec, nullptr},
#endif
    };
    return kinds;
}

} // namespace rp::peers
