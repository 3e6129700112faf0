// SPDX-License-Identifier: Apache-2.0
#pragma once

// Announcing that the calling thread is about to sleep inside our own API.
//
// A pool worker installs its observer when it starts. Whoever is going to sleep in a wait function
// brackets the sleep with blocking_scope, so the worker's core can pass to another worker at once.

namespace rp::kernel {

class blocking_observer {
public:
    virtual void blocking_begins() noexcept = 0;
    virtual void blocking_ends() noexcept = 0;

protected:
    ~blocking_observer() = default;
};

/// The observer of the calling thread, or nullptr.
blocking_observer* current_blocking_observer() noexcept;
void install_blocking_observer(blocking_observer* observer) noexcept;

class blocking_scope {
public:
    blocking_scope() noexcept : observer_(current_blocking_observer()) {
        if (observer_ != nullptr) {
            observer_->blocking_begins();
        }
    }

    ~blocking_scope() {
        if (observer_ != nullptr) {
            observer_->blocking_ends();
        }
    }

    blocking_scope(const blocking_scope&) = delete;
    blocking_scope& operator=(const blocking_scope&) = delete;

private:
    blocking_observer* observer_;
};

} // namespace rp::kernel
