// SPDX-License-Identifier: MIT
// In the place of src/Abstractions/DeviceContract.cs: the device contract in this version and in some there never were.
#if NEWER
[assembly: System.Reflection.AssemblyVersion("2.0.0.0")]
#elif NEXT || SAME
[assembly: System.Reflection.AssemblyVersion("1.0.0.0")]
#elif OLDER
[assembly: System.Reflection.AssemblyVersion("0.0.0.0")]
#endif

namespace LguestPlug;

public static class DeviceContract
{
#if NEWER
    public const int Major = 2;
    public const int Minor = 3;
#elif NEXT
    public const int Major = 1;
    public const int Minor = 1;
#elif SAME
    public const int Major = 1;
    public const int Minor = 0;
#elif OLDER
    public const int Major = 0;
    public const int Minor = 9;
#endif
}
