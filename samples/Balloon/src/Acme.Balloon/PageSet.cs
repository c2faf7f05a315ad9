// SPDX-License-Identifier: MIT
namespace Acme.Balloon;

/// <summary>The pages in the balloon. The services of two queues use it at the same time, each on a thread of its own.</summary>
internal sealed class PageSet
{
    public const int PageSize = 4096;

    /// <summary>The number of pages in 4 GiB.</summary>
    public const int Capacity = 1 << 20;

    private readonly Lock _gate = new();
    private readonly bool[] _isInside = new bool[Capacity];
    private int _count;

    public int Count
    {
        get
        {
            lock (_gate)
                return _count;
        }
    }

    public void Put(uint page, bool inside)
    {
        lock (_gate)
        {
            if (_isInside[page] != inside)
                _count += inside ? 1 : -1;

            _isInside[page] = inside;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            Array.Clear(_isInside);
            _count = 0;
        }
    }
}
