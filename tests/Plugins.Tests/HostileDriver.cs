// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Plugins.Tests;

/// <summary>What every device must bear.</summary>
internal static class HostileDriver
{
    /// <summary>Breaks the ring in each way there is; each must be a fault, and after a reset the device must serve again.</summary>
    /// <param name="driver">A started device.</param>
    /// <param name="queue">The queue whose ring is broken; nothing in flight.</param>
    /// <param name="use">Any request that works.</param>
    internal static void BreakTheRingInEveryWay(TestDriver driver, TestQueue queue, Action use)
    {
        foreach (RingDefect defect in Enum.GetValues<RingDefect>())
        {
            queue.Inject(defect);
            Assert.Equal(queue.Name, driver.WaitForFault().Queue);
            driver.Reset();
            driver.Start();
            use();
        }
    }
}
