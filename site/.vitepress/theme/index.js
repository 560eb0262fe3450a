// VitePress's own theme, with measured costs in the front page's head.
import DefaultTheme from 'vitepress/theme'
import { h } from 'vue'
import CostBars from './CostBars.vue'
import './style.css'

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'home-hero-image': () => h(CostBars) }),
}
