// The table of customers, carriers and number blocks has versions: whoever changes it must
// have seen the newest. So what changes it is tested one after the other.
import './parties.js';
import './blocks.js';
