// SPDX-License-Identifier: Apache-2.0
// The controllers of this build: one line each.
#include "scheduler/controllers/fixed/controller.hpp"
#include "scheduler/controllers/gradient/controller.hpp"
#include "scheduler/controllers/hillclimb/controller.hpp"
#include "scheduler/controllers/iocp/controller.hpp"
#include "scheduler/controllers/little/controller.hpp"
#include "scheduler/controllers/loadfactor/controller.hpp"
#include "scheduler/controllers/qdelay/controller.hpp"
#include "scheduler/controllers/starvation/controller.hpp"

#include <array>
#include <new>
#include <utility>

namespace rp::sched {

namespace {

struct known_controller {
    const char* name;
    controller* (*make)();
};

template <class Controller>
constexpr known_controller known() {
    return {Controller::described.name,
            []() -> controller* { return new (std::nothrow) Controller; }};
}

constexpr std::array known_controllers{
    known<controllers::iocp>(), // the first is the default
    known<controllers::fixed>(),
    known<controllers::hillclimb>(),
    known<controllers::starvation>(),
    known<controllers::qdelay>(),
    known<controllers::loadfactor>(),
    known<controllers::gradient>(),
    known<controllers::little>(),
};

const known_controller* find_controller(std::string_view name) noexcept {
    for (const known_controller& each : known_controllers) {
        if (name == each.name) {
            return &each;
        }
    }
    return nullptr;
}

constexpr std::array<const char*, known_controllers.size() + 1> listed_names = [] {
    std::array<const char*, known_controllers.size() + 1> names{};
    for (size_t i = 0; i < known_controllers.size(); ++i) {
        names[i] = known_controllers[i].name;
    }
    return names;
}();

constexpr std::array reason_names{
    "initial",
    "user-limits",
    "warm-up",
    "climbing",
    "probe",
    "stable",
    "cpu-saturated",
    "starvation",
    "few-runnable",
    "queue-delay",
    "load-high",
    "load-low",
    "gradient",
    "little",
    "announced",
    "idle",
};
static_assert(reason_names.size() == static_cast<size_t>(reason::count));

} // namespace

std::unique_ptr<controller> make_controller(std::string_view name) noexcept {
    const known_controller* found = find_controller(name);
    return std::unique_ptr<controller>(found != nullptr ? found->make() : nullptr);
}

const char* const* controller_names() noexcept {
    return listed_names.data();
}

bool is_controller(std::string_view name) noexcept {
    return find_controller(name) != nullptr;
}

const char* reason_name(reason r) noexcept {
    return reason_names[static_cast<size_t>(r)];
}

} // namespace rp::sched
