// metal-cpp programs include this header by habit; a compute program uses nothing of it.
#pragma once

#include <Foundation/Foundation.hpp>
