// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/optional_peers.hpp"

namespace rp::peers {

std::unique_ptr<engine> make_taskflow(unsigned workers);
std::unique_ptr<engine> make_bs_thread_pool(unsigned workers);

const std::vector<engine_kind>& optional_engines() {
    static const std::vector<engine_kind> kinds = [] {
        std::vector<engine_kind> all;
#if RINGPOOL_PEER_TASKFLOW
        all.push_back({"taskflow", role::peer, make_taskflow, nullptr});
#endif
#if RINGPOOL_PEER_BS_THREAD_POOL
        all.push_back({"bs_thread_pool", role::peer, make_bs_thread_pool, nullptr});
#endif
        return all;
    }();
    return kinds;
}

} // namespace rp::peers
