// SPDX-License-Identifier: Apache-2.0
// Breaks P5: places with cores, and no core takes from there.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct unread : policy {
    static constexpr bool steals = false;

    bool reads(context /*c*/, int /*core*/, queue q) const { return q.kind == RP_QUEUE_SHARED; }

    placement place(context c, const task& /*t*/, int /*from*/) {
        return to_core(static_cast<int>(c.random() % static_cast<unsigned>(c.cores())));
    }

    action next(context /*c*/, int /*core*/, const step& s) {
        return s.tries < 3    ? take_shared(static_cast<int>(s.tries))
               : s.tries == 3 ? poll()
                              : park();
    }
};

RINGPOOL_POLICY(unread, "plug-unread", "Puts items where nobody looks.")
