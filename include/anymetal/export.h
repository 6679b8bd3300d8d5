// What a program may link against. Everything else in the library is hidden.
#pragma once

#define ANYMETAL_API __attribute__((visibility("default")))
